-- The device classes a fresh installation knows. Patterns are shell globs over what the vendor calls the product; an operator
-- adds or changes classes with PUT /v1/device-classes/{class}.
INSERT INTO device_class (name, model, vendor, patterns, memory_mib, slots, credit_rate_milli) VALUES
	('h200-141g',   'h200-141g',   'nvidia', '["NVIDIA H200*"]',                                    143771, 100, 1200),
	('h100-80g',    'h100-80g',    'nvidia', '["NVIDIA H100 80GB*","NVIDIA H100 PCIe*"]',            81559, 100, 1000),
	('a100-80g',    'a100-80g',    'nvidia', '["NVIDIA A100-SXM4-80GB*","NVIDIA A100 80GB*"]',       81920, 100,  600),
	('a100-40g',    'a100-40g',    'nvidia', '["NVIDIA A100-SXM4-40GB*","NVIDIA A100-PCIE-40GB*"]',  40960, 100,  450),
	('l40s',        'l40s',        'nvidia', '["NVIDIA L40S*"]',                                     46068, 100,  350),
	('l4',          'l4',          'nvidia', '["NVIDIA L4"]',                                        23034, 100,  150),
	('a10',         'a10',         'nvidia', '["NVIDIA A10"]',                                       23028, 100,  180),
	('t4',          't4',          'nvidia', '["Tesla T4*","NVIDIA T4*"]',                           15360, 100,   80),
	('v100-32g',    'v100-32g',    'nvidia', '["Tesla V100*32GB*"]',                                 32768, 100,  150),
	('v100-16g',    'v100-16g',    'nvidia', '["Tesla V100*16GB*"]',                                 16384, 100,  130),
	('p100-16g',    'p100-16g',    'nvidia', '["Tesla P100*16GB*"]',                                 16384, 100,   60),
	('ascend910b3', 'ascend910b3', 'huawei', '["910B3","Ascend910B3*"]',                             65536, 100,  500),
	('ascend910b2', 'ascend910b2', 'huawei', '["910B2","Ascend910B2*"]',                             65536, 100,  480),
	('ascend310p3', 'ascend310p3', 'huawei', '["310P3","Ascend310P3*"]',                             21527, 100,   90),
	('mlu370-x8',   'mlu370-x8',   'cambricon', '["MLU370-X8*"]',                                    49152, 100,  200),
	('dcu-z100',    'dcu-z100',    'hygon',  '["DCU*Z100*"]',                                        16384, 100,  100),
	('mi300x',      'mi300x',      'amd',    '["AMD Instinct MI300X*"]',                            196592, 100, 1100);
