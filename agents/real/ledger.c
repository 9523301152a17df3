#include "agents/real/ledger.h"
#include "json/write.h"

enum { ROWS_MAX = 100000 };

#define F(...) JS_FIELD(ledger_share, __VA_ARGS__)
static const js_field ledger_share_fields[] = {
	F(uuid, JS_REQUIRED, "The device."),
	F(memory_mib, JS_OPTIONAL, "Of each."),
	F(compute_milli, JS_OPTIONAL, "Of each."),
	F(sharers, JS_OPTIONAL, "Containers that use it at one time."),
};
#undef F
static JS_TYPE(ledger_share, "What a pod gets of a device.");

#define F(...) JS_FIELD(ledger_bind, __VA_ARGS__)
static const js_field ledger_bind_fields[] = {
	F(uid, JS_REQUIRED, "The pod's."),
	F(space, JS_REQUIRED, "Its namespace."),
	F(pod, JS_REQUIRED, "Its name."),
	F(node, JS_REQUIRED, "Where it is bound."),
	F(receipt, JS_REQUIRED, "What it was bound for."),
	F(shares, JS_OPTIONAL, "Its devices.", JS_OF(ledger_share), JS_ITEMS(0, ROWS_MAX)),
};
#undef F
static JS_TYPE(ledger_bind, "A bind that was paid.");

#define F(...) JS_FIELD(ledger_victim, __VA_ARGS__)
static const js_field ledger_victim_fields[] = {
	F(uid, JS_REQUIRED, "The pod's."),
	F(space, JS_REQUIRED, "Its namespace."),
	F(pod, JS_REQUIRED, "Its name."),
};
#undef F
static JS_TYPE(ledger_victim, "A pod that yields.");

#define F(...) JS_FIELD(ledger_yield, __VA_ARGS__)
static const js_field ledger_yield_fields[] = {
	F(uid, JS_REQUIRED, "The waiting pod's."),
	F(space, JS_REQUIRED, "Its namespace."),
	F(pod, JS_REQUIRED, "Its name."),
	F(node, JS_REQUIRED, "Where room is kept for it."),
	F(shares, JS_OPTIONAL, "Of these devices.", JS_OF(ledger_share), JS_ITEMS(0, ROWS_MAX)),
	F(victims, JS_OPTIONAL, "Who goes for it.", JS_OF(ledger_victim), JS_ITEMS(0, ROWS_MAX)),
};
#undef F
static JS_TYPE(ledger_yield, "A pod to which others yield.");

#define F(...) JS_FIELD(ledger_order, __VA_ARGS__)
static const js_field ledger_order_fields[] = {
	F(id, JS_REQUIRED, "The placement."),
	F(fence, JS_REQUIRED, "Its attempt."),
	F(tenant, JS_OPTIONAL, "Whose it is."),
	F(max_runtime_s, JS_OPTIONAL, "Ends by then; 0: open."),
	F(self_fence_s, JS_OPTIONAL, "Ends when the agent is cut off for so long; 0: never."),
	F(speak_s, JS_OPTIONAL, "The agent reports so often at least; 0: as usual."),
	F(is_claimed, JS_OPTIONAL, "Its pods name it."),
	F(placed, JS_OPTIONAL, "Its pods.", JS_OF(placed_pod), JS_ITEMS(0, ROWS_MAX)),
};
#undef F
static JS_TYPE(ledger_order, "A placement whose pods are awaited.");

#define F(...) JS_FIELD(ledger_line, __VA_ARGS__)
static const js_field ledger_line_fields[] = {
	F(text, JS_REQUIRED, "A record of the agent's memory.", JS_LEN(0, LEDGER_BYTES_MAX)),
};
#undef F
static JS_TYPE(ledger_line, "Something an agent remembers.");

#define F(...) JS_FIELD(ledger_denial, __VA_ARGS__)
static const js_field ledger_denial_fields[] = {
	F(uid, JS_REQUIRED, "The pod's."),
	F(why, JS_REQUIRED, "Why it is not placed."),
};
#undef F
static JS_TYPE(ledger_denial, "A pod that the server will not place.");

#define F(...) JS_FIELD(ledger, __VA_ARGS__)
static const js_field ledger_fields[] = {
	F(writer, JS_OPTIONAL, "Who wrote it."),
	F(number, JS_OPTIONAL, "The how manyth text of that writer it is."),
	F(memory, JS_OPTIONAL, "What the agent knows of the server.", JS_OF(ledger_line), JS_ITEMS(0, ROWS_MAX)),
	F(orders, JS_OPTIONAL, "Placements whose pods are awaited.", JS_OF(ledger_order), JS_ITEMS(0, ROWS_MAX)),
	F(binds, JS_OPTIONAL, "Binds that were paid.", JS_OF(ledger_bind), JS_ITEMS(0, ROWS_MAX)),
	F(yields, JS_OPTIONAL, "Pods to which others yield.", JS_OF(ledger_yield), JS_ITEMS(0, ROWS_MAX)),
	F(asked, JS_OPTIONAL, "Pods that the server decides about.", JS_ITEMS(0, ROWS_MAX)),
	F(denied, JS_OPTIONAL, "Pods that it will not place.", JS_OF(ledger_denial), JS_ITEMS(0, ROWS_MAX)),
	F(config, JS_OPTIONAL, "What the server said of the cluster.", JS_OF(sync_config)),
	F(is_config_cut, JS_OPTIONAL, "It said of more namespaces than stand here."),
};
#undef F
JS_TYPE(ledger, "What an agent must not forget.");

err ledger_read(str text, arena *a, ledger *ret, fault *f)
{
	*ret = (ledger){.writer = STR_NONE};
	return text.n ? js_read_output(&ledger_type, text, a, ret, f) : ERR_OK;
}

void ledger_write(const ledger *l, buf *out)
{
	js_writer w = js_writer_on(out);

	js_write(&w, &ledger_type, l);
}
