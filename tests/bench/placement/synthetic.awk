# A made cluster and a made workload, the same each time: nodes of eight GPUs of four models, and pods that ask 0.8 GPUs on the
# mean: many parts of one, many whole ones, a few gangs of 2, 4 and 8, some without; one in ten tied to models.
#
#     awk -v what=nodes -v n=10000 -f synthetic.awk
#     awk -v what=pods -v n=120000 [-v distinct=1] -f synthetic.awk      distinct: no two pods ask the same
BEGIN {
	state = 20260101
	if (what == "nodes")
		nodes()
	else
		pods()
}

# A number from 0 to below n; the generator of Lehmer with the multiplier 48271, whose products a double holds.
function pick(n) {
	state = (state * 48271) % 2147483647
	return int(state / 2147483647 * n)
}

# One of the values, each followed by its weight.
function draw(weighted,  v, count, i, sum, at) {
	count = split(weighted, v, " ")
	for (i = 2; i <= count; i += 2)
		sum += v[i]
	at = pick(sum)
	for (i = 2; i <= count; i += 2) {
		if (at < v[i])
			return v[i - 1]
		at -= v[i]
	}
}

function nodes(  i, small) {
	print "rank,sn,cpu_milli,memory_mib,gpu,model"
	for (i = 0; i < n; i++) {
		small = pick(4) == 0
		printf "%d,node-%06d,%d,%d,8,%s\n", i, i, small ? 96000 : 128000, small ? 393216 : 786432, draw("M1 50 M2 25 M3 15 M4 10")
	}
}

function pods(  i, gpus, milli, cpu, mib, spec) {
	print "seq,name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec"
	for (i = 0; i < n; i++) {
		gpus = draw("0 13 1 83 2 2 4 1 8 1")
		milli = gpus ? 1000 : 0
		if (gpus == 1)
			milli = draw("1000 45 100 4 200 4 250 5 330 4 470 6 500 8 600 3 810 4")
		cpu = draw("2000 1 4000 3 6000 3 8000 2 12000 1") * (gpus ? gpus : 1)
		mib = draw("4096 1 8192 3 16384 3 32768 2") * (gpus ? gpus : 1)
		if (distinct) {
			cpu += i % 1000
			mib += int(i / 1000)
		}
		spec = gpus && pick(10) == 0 ? draw("M1|M2 5 M3 2 M3|M4 2 M4 1") : ""
		printf "%d,pod-%07d,%d,%d,%d,%d,%s\n", i, i, cpu, mib, gpus, milli, spec
	}
}
