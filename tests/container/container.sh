#!/bin/sh
# usage: container.sh BUILD replace|preload GIVE SHARE HOOK
#
# A container of podman and runc with a device as reeve-node gives it: it sees its device nodes and no others, the device is as
# large as its limit, whoever is started in it later is held by the same limit, and nothing that root in it deletes, writes or
# mounts makes the limit larger. Skips where there is no podman or runc, or where they cannot run here.
set -eu
build=$1
form=$2
give=$3
share=$4
hook=$5
cdi=/var/run/cdi
pod=reeve-test-$$
skip()
{
	echo "$*"
	exit 77
}
[ "$(id -u)" = 0 ] || skip "needs root"
command -v podman >/dev/null || skip "needs podman"
command -v runc >/dev/null || skip "needs runc"
folder=$(mktemp -d)
root=$folder/root

pods() # ARGUMENTS OF podman
{
	podman --storage-driver vfs --root "$folder/store" --runroot "$folder/run" --cgroup-manager=cgroupfs --runtime runc "$@"
}

# Without the limits of processes that a nested machine may refuse to set.
limits="--ulimit nofile=1024:1024 --ulimit nproc=4096:4096"

run_in() # ROOT DEVICE COMMAND...: DEVICE none: without one
{
	in=$1
	device=
	[ "$2" = none ] || device="--device $2"
	shift 2
	# shellcheck disable=SC2086 # words
	pods run --rm --network=none $limits $device --rootfs "$in" "$@"
}

finish()
{
	pods rm -f -t 0 "$pod" >/dev/null 2>&1 || true
	rm -f "$cdi/reeve.io-share_${pod}"*
	rm -rf "$folder"
}
trap finish EXIT

file_add() # FILE: with the libraries it needs
{
	mkdir -p "$root$(dirname "$1")"
	cp -L "$1" "$root$1"
	ldd "$1" 2>/dev/null | grep -o '/[^ ]*' | while read -r library; do
		[ -e "$root$library" ] || { mkdir -p "$root$(dirname "$library")" && cp -L "$library" "$root$library"; }
	done
}

# An image with the maker's driver as the maker's tools leave it: a versioned file, and the name that loaders look for.
image_make()
{
	mkdir -p "$root/proc" "$root/sys" "$root/dev" "$root/tmp" "$root/run" "$root/etc" "$root/usr/bin"
	for program in sh ls cat rm cp ln env sleep mount umount mkdir; do
		file_add "$(command -v $program)"
	done
	[ -e "$root/bin" ] || ln -s usr/bin "$root/bin"
	driver=$root/usr/lib/x86_64-linux-gnu
	mkdir -p "$driver"
	for name in cuda nvidia-ml; do
		cp -L "$build/fake/lib$name.so.1" "$driver/lib$name.so.535.1"
		ln -s "lib$name.so.535.1" "$driver/lib$name.so.1"
	done
	cp "$share" "$root/usr/bin/container_share"
}

libraries_make()
{
	mkdir -p "$folder/lib"
	cp "$build/lib/libreeve-shim.so" "$build/lib/libreeve-shim-cuda.so" "$build/lib/libreeve-shim-nvml.so" "$hook" "$folder/lib"
	echo /.reeve-shim.so >"$folder/lib/ld.so.preload"
}

devices_make()
{
	mkdir -p "$folder/dev"
	for name in nvidia0 nvidia1 nvidiactl nvidia-uvm; do
		mknod "$folder/dev/$name" c 1 3 2>/dev/null || skip "cannot make device nodes here"
	done
}

node() # WHAT ARGUMENTS...: as reeve-node does it
{
	what=$1
	shift
	FORM_PRELOAD=
	[ "$form" = replace ] || export FORM_PRELOAD=1
	[ -n "$FORM_PRELOAD" ] || unset FORM_PRELOAD
	"$give" "$folder/state" "$cdi" "$folder/lib" "$folder/dev" "$what" "$@"
}

failed=0
expect() # WHAT WANTED GOT
{
	[ "$2" = "$3" ] && return
	echo "$form: $1: \"$3\", \"$2\" was expected"
	failed=$((failed + 1))
}

# A program that finds no device, or no driver that can be loaded, has nothing of it.
expect_at_most() # WHAT MOST GOT
{
	case $3 in
	"no device" | *"error while loading shared libraries"*) return ;;
	esac
	[ "$3" -le "$2" ] 2>/dev/null && return
	echo "$form: $1: \"$3\", at most $2 was expected"
	failed=$((failed + 1))
}

inside() # COMMAND...: one more process in the container that runs
{
	pods exec "$pod" "$@" 2>&1 | tail -n 1
}

image_make
libraries_make
devices_make
run_in "$root" none /bin/sh -c true >"$folder/said" 2>&1 || skip "no container runs here: $(tail -n 1 "$folder/said")"
mkdir -p "$folder/state"

names=$(node "$form" "$pod" 1024)
expect "the name of the device" "reeve.io/share=${pod}_main" "$names"

# What it sees.
got=$(run_in "$root" "$names" /bin/sh -c "cd '$folder/dev' && echo *" 2>&1) || true
expect "the device nodes" "nvidia-uvm nvidia0 nvidiactl" "$got"
expect "the size of the device" 1024 "$(run_in "$root" "$names" /usr/bin/container_share total 2>&1)"
got=$(run_in "$root" "$names" /usr/bin/container_share fill 2>&1)
expect_at_most "what one process gets" 1024 "$got"
[ "$got" -gt 900 ] || expect "what one process gets" "about 1000" "$got"
expect "the size for a user who is not root" 1024 "$(run_in "$root" "$names --user 1000:1000" /usr/bin/container_share total 2>&1)"
expect "the size in a tree that is read-only" 1024 "$(run_in "$root" "$names --read-only --read-only-tmpfs=false" /usr/bin/container_share total 2>&1)"
expect "without the device" "81920" "$(run_in "$root" none /usr/bin/container_share total 2>&1)"

# A runtime that knows no CDI, and runs the hook at either stage: it mounts the two files too.
if [ "$form" = replace ]; then
	mkdir "$folder/hooks"
	cp "$folder/state/allocations/${pod}_main/limits" "$folder/limits.before"
	for stage in createContainer createRuntime; do
		cat >"$folder/hooks/reeve.json" <<HOOK
{"version": "1.0.0", "when": {"always": true}, "stages": ["$stage"], "hook": {"path": "$folder/lib/reeve-hook",
 "args": ["reeve-hook", "$stage", "--allocation", "$folder/state/allocations/${pod}_main", "--libraries", "$folder/lib"],
 "env": ["LD_PRELOAD=$root/usr/bin/container_share", "PATH=$root"]}}
HOOK
		hooked()
		{
			# shellcheck disable=SC2086 # words
			pods --hooks-dir "$folder/hooks" run --rm --network=none $limits --rootfs "$root" "$@" 2>&1 | tail -n 1
		}
		expect "the size by a hook at $stage" 1024 "$(hooked /usr/bin/container_share total)"
		got=$(hooked /bin/sh -c '(echo x >/.reeve/limits; rm -rf /.reeve /run/reeve) >/dev/null 2>&1; exec /usr/bin/container_share fill')
		expect_at_most "what one gets by a hook at $stage" 1024 "$got"
		cmp -s "$folder/limits.before" "$folder/state/allocations/${pod}_main/limits" || expect "the limits at $stage" "as they were" "changed"
	done
fi

# An image whose libraries stand elsewhere: a link from the root on, a folder that is a link, a second file.
if [ "$form" = replace ]; then
	cp -a "$root" "$folder/elsewhere"
	mkdir -p "$folder/elsewhere/opt/driver" "$folder/elsewhere/opt/lib" "$folder/elsewhere/usr/local"
	for name in cuda nvidia-ml; do
		mv "$folder/elsewhere/usr/lib/x86_64-linux-gnu/lib$name.so.535.1" "$folder/elsewhere/opt/driver"
		ln -sf "/opt/driver/lib$name.so.535.1" "$folder/elsewhere/usr/lib/x86_64-linux-gnu/lib$name.so.1"
		ln -s "/nowhere/lib$name.so" "$folder/elsewhere/usr/lib/x86_64-linux-gnu/lib$name.so"
	done
	expect "the size where libraries are links" 1024 "$(run_in "$folder/elsewhere" "$names" /usr/bin/container_share total 2>&1)"
	cp "$folder/elsewhere/opt/driver/"* "$folder/elsewhere/opt/lib"
	rm -f "$folder/elsewhere/usr/lib/x86_64-linux-gnu/"lib*.so.1
	for name in cuda nvidia-ml; do ln -s "lib$name.so.535.1" "$folder/elsewhere/opt/lib/lib$name.so.1"; done
	rm -rf "$folder/elsewhere/usr/local/lib"
	ln -s /opt/lib "$folder/elsewhere/usr/local/lib"
	expect "the size where a folder is a link" 1024 "$(run_in "$folder/elsewhere" "$names" \
		/usr/bin/env LD_LIBRARY_PATH=/usr/local/lib /usr/bin/container_share total 2>&1)"
fi

# Who comes later, while the first holds 600 MiB.
# shellcheck disable=SC2086 # words
pods run -d --name "$pod" --network=none $limits --device "$names" --rootfs "$root" \
	/bin/sh -c '/usr/bin/container_share hold 600 /tmp/held' >"$folder/said" 2>&1 || { cat "$folder/said"; exit 1; }
for turn in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	pods exec "$pod" /bin/ls /tmp/held >/dev/null 2>&1 && break
	sleep 0.3
done
left=$((1024 - 600))
got=$(inside /usr/bin/container_share fill)
expect_at_most "a process started by exec" $left "$got"
[ "$got" -gt 300 ] || expect "a process started by exec" "about 390" "$got"
expect_at_most "with another environment" $left "$(inside /usr/bin/env -i LD_PRELOAD= CUDA_DEVICE_MEMORY_LIMIT=64g \
	CUDA_DEVICE_MEMORY_LIMIT_0=64g REEVE_SHIM_REGION=/tmp CUDA_DEVICE_MEMORY_SHARED_CACHE=/tmp/x /usr/bin/container_share fill)"

# Live: the node makes it larger, and smaller again.
node change "$pod" 2048 >/dev/null
expect "the size after a change" 2048 "$(inside /usr/bin/container_share total)"
node change "$pod" 1024 >/dev/null
expect "the size after it was taken back" 1024 "$(inside /usr/bin/container_share total)"

cp "$folder/state/allocations/${pod}_main/limits" "$folder/limits.before"

# Root inside does its worst, one thing after the other; nothing of it makes more room.
cat >"$folder/attacks" <<'ATTACKS'
rm -f /.reeve/limits
rm -rf /.reeve /run/reeve
mv /.reeve /tmp/moved
mkdir /tmp/none && mount --bind /tmp/none /.reeve
echo x >/.reeve/limits
cp /bin/ls /.reeve/limits
ln -sf /tmp/limits /.reeve/limits
rm -f /run/reeve/driver/libcuda.so.1 /.reeve-shim.so
rm -f /usr/lib/x86_64-linux-gnu/libcuda.so.1 && ln -s libcuda.so.535.1 /usr/lib/x86_64-linux-gnu/libcuda.so.1
echo >/etc/ld.so.preload
rm -f /etc/ld.so.preload
cp /bin/ls /usr/lib/x86_64-linux-gnu/libcuda.so.535.1
rm -f /.reeve/books
echo x >/.reeve/books
mv /run/reeve /tmp/moved2; mv /.reeve-shim.so /tmp/moved3
ATTACKS
while read -r attack; do
	echo "($attack) >/dev/null 2>&1; echo \"\$(/usr/bin/container_share fill 2>&1)\""
done <"$folder/attacks" >"$folder/script"
pods exec -i "$pod" /bin/sh <"$folder/script" >"$folder/gains" 2>&1
expect "answers to attacks" "$(grep -c . "$folder/attacks")" "$(grep -c . "$folder/gains")"
paste -d '|' "$folder/gains" "$folder/attacks" >"$folder/both"
while IFS='|' read -r got attack; do
	expect_at_most "after $attack" $left "$got"
done <"$folder/both"
cmp -s "$folder/limits.before" "$folder/state/allocations/${pod}_main/limits" || expect "the limits" "as they were" "changed"
inside /bin/rm -f /tmp/held >/dev/null
pods rm -f -t 0 "$pod" >/dev/null 2>&1 || true

# An image that leads elsewhere gets nothing written there.
if [ "$form" = replace ]; then
	cp -a "$root" "$folder/crooked"
	rm -rf "$folder/crooked/run/reeve"
	mkdir "$folder/outside"
	ln -s "$folder/outside" "$folder/crooked/run/reeve"
	"$hook" createContainer --libraries "$folder/lib" <<STATE >/dev/null 2>&1 && expect "a hook that is led astray" "a refusal" "done"
{"ociVersion":"1.0.2","id":"x","status":"creating","pid":1,"bundle":"$folder/none"}
STATE
	mkdir "$folder/bundle"
	echo "{\"ociVersion\":\"1.0.2\",\"root\":{\"path\":\"$folder/crooked\"}}" >"$folder/bundle/config.json"
	echo "{\"ociVersion\":\"1.0.2\",\"id\":\"x\",\"status\":\"creating\",\"pid\":1,\"bundle\":\"$folder/bundle\"}" |
		unshare -m "$hook" createContainer --libraries "$folder/lib" >/dev/null 2>&1 &&
		expect "an image whose /run/reeve is a link" "a refusal" "done"
	expect "what was written outside" "" "$(ls "$folder/outside")"
fi

node end "$pod"
[ ! -e "$cdi/reeve.io-share_${pod}_main.json" ] || expect "the CDI file of an ended allocation" "gone" "there"
run_in "$root" "$names" /bin/sh -c true >/dev/null 2>&1 && expect "a device that is no more" "a refusal" "a container"
[ "$failed" -eq 0 ]
