#include "agents/vendors/makers.h"

/* Nothing tells a device's memory: a nominal amount stands for the whole of it. */
/* clang-format off */
VENDOR_ROWS(neuron, {
	.word = "AWSNeuron",
	.maker = "aws",
	.cut = "neuron-core",
	.resources = {.count = "aws.amazon.com/neuron", .parts = "aws.amazon.com/neuroncore"},
	.compute_whole = 2,
	.compute_unsaid = 2,
	.compute_is_mask = true,
	.pod = {NULL, "hami.io/aws-neuron-devices-allocated"},
	.node = {
		.told = TOLD_AS_CAPACITY,
		.infix = "-AWSNeuron-",
		.capacity = "aws.amazon.com/neuron",
		.per_device = 1,
		.slots = 2,
		.memory_mib = 100,
	},
	.select = {.use_uuid = "aws.amazon.com/use-neuron-uuid", .no_uuid = "aws.amazon.com/nouse-neuron-uuid"},
});
