#!/bin/sh
# usage: program.sh REEVE
#
# A run on a few lines: the table, the log and the JSON are as counted by hand; wrong use and wrong files are refused with
# their own exit code and in words.
set -eu
reeve=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

cat >nodes.csv <<'END'
rank,sn,cpu_milli,memory_mib,gpu,model
0,a,4000,9000,2,A
1,b,8000,9000,1,B
END
cat >pods.csv <<'END'
seq,name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec
0,p0,0,100,2,1000,
1,p1,0,100,1,600,B|A
2,p2,0,100,1,500,
3,p3,1000,100,1,100,C
END
# What needs a clock is left out.
cat >expected.txt <<'END'
policy               fragmentation, on 2 nodes with 3 GPUs in 1 cluster
pods                 4: 2 placed, 2 refused
first refusal        at 103.333 % arrived
  no_fitting_device    1
  no_such_class        1
allocation           arrived %   allocated %
                           107         86.67
                           end        86.667
idle                 0.400 GPUs, of which no use to the typical mix (counted from these pods): 0.400 (100.00 %)
END
cat >expected.csv <<'END'
op,seq,node,gpus
place,0,a,0-1
place,1,b,0
fail,2,,
fail,3,,
END

"$reeve" simulate --nodes nodes.csv --pods pods.csv --log log.csv >said.txt
sed '/^decisions /,$d' said.txt | diff -u expected.txt -
for line in '^decisions  *[0-9]* per second' '^time of one  *p50 ' '^  placed, refused ' '^memory '; do
	grep -q "$line" said.txt || {
		echo "no '$line' in:"
		cat said.txt
		exit 1
	}
done
diff -u expected.csv log.csv

"$reeve" simulate --nodes nodes.csv --pods pods.csv --policy spread --repeat 3 --json >said.json
for member in '"policy":"spread"' '"placed":2' '"refused":2' '"first_refusal_ppm":1033333' '"final_ppm":866667' \
	'{"code":"no_such_class","pods":1}' '{"arrived_percent":67,"allocated_ppm":666700}' '"idle_milli":400' '"p99_ns":'; do
	grep -qF "$member" said.json || {
		echo "no $member in:"
		cat said.json
		exit 1
	}
done

# One move makes room for a whole card: the smaller of two pods goes to the other's card, and the log says so first.
cat >spread.csv <<'END'
seq,name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec
0,p0,0,100,1,300,A
1,p1,0,100,1,200,A
2,p2,0,100,1,1000,B
3,p3,0,100,1,1000,
4,p4,0,100,1,1000,
END
cat >expected.csv <<'END'
op,seq,node,gpus
place,0,a,0
place,1,c,0
place,2,b,0
move,1,a,0
place,3,c,0
fail,4,,
END
cat >three.csv <<'END'
rank,sn,cpu_milli,memory_mib,gpu,model
0,a,4000,9000,1,A
1,b,8000,9000,1,B
2,c,4000,9000,1,A
END
"$reeve" simulate --nodes three.csv --pods spread.csv --policy spread --moves 1 --log log.csv --json >said.json
diff -u expected.csv log.csv
grep -qF '"moves":1,"move_searches":2,' said.json
"$reeve" simulate --nodes three.csv --pods spread.csv --policy spread --moves 1 | grep -q '^moves  *1, 200.00 for 1,000 pods'
"$reeve" simulate --nodes three.csv --pods spread.csv --policy spread --log log.csv >said.txt
if grep '^move' log.csv said.txt; then
	echo "moves though none were allowed"
	exit 1
fi

# The cheap model is taken though the other stands first.
sed 's/^1,p1.*/1,p1,0,100,1,600,/; s/^0,p0,0,100,2/0,p0,0,100,1/' pods.csv >any.csv
for prices in A=3 A=1,B=3; do
	"$reeve" simulate --nodes nodes.csv --pods any.csv --policy cost --prices $prices --log log.csv --quiet >said.txt
	[ $prices = A=3 ] && node=b || node=a
	grep -q "^place,0,$node,0" log.csv || {
		echo "--prices $prices:"
		cat log.csv
		exit 1
	}
done

# A file as other programs write them: other columns in another order, quotes, blank lines, CR; a model that no node has, and more
# GPUs than any has.
printf '\357\273\277gpu_spec,num_gpu,"gpu_milli",note,memory_mib,cpu_milli\r\n" A ",2,1000,"x, ""y""",100,0\r\n\r\n"B|A",1,600,,100,0\r\nX9000,1,100,,100,0\r\n,128,1000,,100,0' >strange.csv
cat >expected.csv <<'END'
op,seq,node,gpus
place,0,a,0-1
place,1,b,0
fail,2,,
fail,3,,
END
for policy in fragmentation reference; do
	"$reeve" simulate --nodes nodes.csv --pods strange.csv --policy $policy --log log.csv --quiet >said.txt
	diff -u expected.csv log.csv
done
grep -q '^  no_such_class  *1$' said.txt && grep -q '^  too_large  *1$' said.txt || {
	cat said.txt
	exit 1
}

refused() # CODE WORDS ARGUMENT...
{
	refused_code=$1
	refused_words=$2
	shift 2
	status=0
	"$reeve" simulate "$@" >out 2>err || status=$?
	[ $status -eq "$refused_code" ] && grep -qF "$refused_words" err && [ "$(wc -l <err)" -eq 1 ] && return
	echo "simulate $*: status $status, said:"
	cat out err
	exit 1
}
refused 2 'needs --nodes FILE and --pods FILE' --nodes nodes.csv
refused 2 "there is no policy 'best'; there are: fragmentation" --nodes nodes.csv --pods pods.csv --policy best
refused 2 'cannot read nowhere.csv: No such file' --nodes nowhere.csv --pods pods.csv
refused 2 'pods.csv line 1: there is no column sn' --nodes pods.csv --pods pods.csv
sed '3s/600/much/' pods.csv >much.csv
refused 2 'much.csv line 3: gpu_milli is not a number: much' --nodes nodes.csv --pods much.csv
sed '3s/,600//' pods.csv >short.csv
refused 2 'short.csv line 3: it has 6 values, and there are 7 columns' --nodes nodes.csv --pods short.csv
sed '3s/B|A/"B|A/' pods.csv >open.csv
refused 2 'open.csv line 3: a quote is not closed' --nodes nodes.csv --pods open.csv
refused 2 "no node has a GPU of model 'X'" --nodes nodes.csv --pods pods.csv --policy cost --prices X=1
refused 2 "'A=dear' is not MODEL=NUMBER" --nodes nodes.csv --pods pods.csv --policy cost --prices A=dear
refused 2 "takes no 'more'" --nodes nodes.csv --pods pods.csv more
refused 1 'cannot write /dev/full: No space left' --nodes nodes.csv --pods pods.csv --log /dev/full
"$reeve" simulate --policies | grep -q '^binpack '
"$reeve" --help | grep -q '^  simulate '
