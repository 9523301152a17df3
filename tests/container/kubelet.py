"""usage: kubelet.py BUILD REEVE_NODE

reeve-node whole, before a kubelet and an API server made of other people's parts: gRPC's C core on both sides of the kubelet's
sockets, Python's HTTP server, and plans that openssl signed. Skips (77) where one of these is missing.
"""
import base64, concurrent.futures, http.server, itertools, json, os, queue, shutil, signal, subprocess, sys, tempfile, threading, time, urllib.request

try:
    import grpc
except ImportError:
    print("needs python3-grpcio")
    sys.exit(77)

build, node = sys.argv[1:3]
folder = tempfile.mkdtemp()
kubelet_dir = os.path.join(folder, "kubelet")
plugins = os.path.join(kubelet_dir, "device-plugins")
resource = "nvidia.com/gpu"
failures = []


def expect(what, wanted, got):
    if wanted != got:
        failures.append("%s: %r, %r was expected" % (what, got, wanted))


# Protobuf by hand, so that our own types are not measured by themselves.
def varint(n):
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def fields(message):
    out, at = {}, 0

    def number():
        nonlocal at
        n = shift = 0
        while True:
            n |= (message[at] & 127) << shift
            shift += 7
            at += 1
            if message[at - 1] < 128:
                return n

    while at < len(message):
        key = number()
        if key & 7 == 0:
            value = number()
        else:
            n = number()
            value = message[at:at + n]
            at += n
        out.setdefault(key >> 3, []).append(value)
    return out


# Plans, as agents sign them: text, and a line with the signature.
def key_make(name):
    path = os.path.join(folder, name)
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", path], check=True)
    public = subprocess.run(["openssl", "pkey", "-in", path, "-pubout"], check=True, capture_output=True).stdout
    der = subprocess.run(["openssl", "pkey", "-in", path, "-pubout", "-outform", "DER"], check=True, capture_output=True).stdout
    digest = subprocess.run(["openssl", "dgst", "-sha256", "-r"], input=der[-32:], check=True, capture_output=True).stdout
    return {"path": path, "public": public, "name": digest[:8].decode()}


def plan(key, uid, uuid, mib, profile=""):
    text = ("reeve-plan/1\npod %s\nnode n1\nplacement plc_1\nfence 1\nmade 1\nmode high\ncontainer main\n"
            "share %s %s %d 300%s\n" % (uid, resource, uuid, mib, profile))
    body, sealed = os.path.join(folder, "body"), os.path.join(folder, "sealed")
    with open(body, "w") as f:
        f.write(text)
    subprocess.run(["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", key["path"], "-in", body, "-out", sealed], check=True)
    with open(sealed, "rb") as f:
        return text + "signature %s %s\n" % (key["name"], base64.b64encode(f.read()).decode())


versions = itertools.count(7)


def pod(name, annotations):
    return {"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "namespace": "default", "uid": "uid-" + name, "resourceVersion": str(next(versions)), "annotations": annotations},
            "spec": {"nodeName": "n1", "containers": [{"name": "main", "resources": {"limits": {resource: "1"}}}]},
            "status": {"phase": "Pending"}}


# The API server: one empty list, then what the test says.
events, changes = queue.Queue(), queue.Queue()


class Api(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body):
        body = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if "fieldSelector=spec.nodeName%3Dn1" not in self.path:
            failures.append("a watch of other pods: " + self.path)
        if "watch=" not in self.path:
            self.answer(200, {"kind": "PodList", "metadata": {"resourceVersion": "1"}, "items": []})
            return
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while True:
            line = changes.get()
            if line is None:
                return
            line = json.dumps(line).encode() + b"\n"
            self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
            self.wfile.flush()

    def do_PATCH(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(200, {})

    def do_POST(self):
        events.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.answer(201, {})


# The kubelet.
class Service(grpc.GenericRpcHandler):
    def __init__(self, calls):
        self.calls = calls

    def service(self, details):
        call = self.calls.get(details.method)
        return grpc.unary_unary_rpc_method_handler(lambda q, _: call(q)) if call else None


class Kubelet:
    def __init__(self):
        self.registered, self.states, self.listed = queue.Queue(), queue.Queue(), {}
        self.begin()

    def begin(self):
        self.servers = [self.serve("device-plugins", {"/v1beta1.Registration/Register": self.register}),
                        self.serve("pod-resources", {"/v1.PodResourcesLister/List": self.list})]

    def serve(self, name, calls):
        os.makedirs(os.path.join(kubelet_dir, name), exist_ok=True)
        server = grpc.server(concurrent.futures.ThreadPoolExecutor(4))
        server.add_generic_rpc_handlers([Service(calls)])
        server.add_insecure_port("unix:" + os.path.join(kubelet_dir, name, "kubelet.sock"))
        server.start()
        return server

    def end(self):
        for server in self.servers:
            server.stop(None).wait()

    def register(self, q):
        q = fields(q)
        self.channel = grpc.insecure_channel("unix:" + os.path.join(plugins, q[2][0].decode()))
        self.options = fields(self.call("GetDevicePluginOptions", b""))
        self.watch = self.channel.unary_stream("/v1beta1.DevicePlugin/ListAndWatch")(b"")
        threading.Thread(target=self.take, args=(self.watch,), daemon=True).start()
        self.registered.put(q)
        return b""

    def take(self, watch):
        try:
            for state in watch:
                self.states.put([fields(d) for d in fields(state).get(1, [])])
        except grpc.RpcError:
            pass

    def list(self, _):
        out = b""
        for name, ids in self.listed.items():
            container = field(1, "main") + b"".join(field(2, field(1, resource) + field(2, i)) for i in ids)
            out += field(1, field(1, name) + field(2, "default") + field(3, container))
        return out

    def call(self, method, message, timeout=20):
        return self.channel.unary_unary("/v1beta1.DevicePlugin/" + method)(message, timeout=timeout)

    def refusal(self, method, message):
        try:
            self.call(method, message)
            return None
        except grpc.RpcError as e:
            return e

    def state(self, n):
        """The next list of n devices."""
        while True:
            devices = self.states.get(timeout=60)
            if len(devices) == n:
                return devices


def whole(kubelet, uuid):
    q = kubelet.registered.get(timeout=60)
    expect("version", b"v1beta1", q[1][0])
    expect("resource", resource.encode(), q[3][0])
    expect("options", {1: [1], 2: [1]}, kubelet.options)
    devices = kubelet.state(4000)
    expect("health", {b"Healthy"}, {d[2][0] for d in devices})
    ids = [d[1][0].decode() for d in devices]
    expect("ids", 4000, len(set(ids)))
    kubelet.short = ids[2000].split("-")[0]

    # A pod whose plan holds.
    changes.put({"type": "ADDED", "object": pod("good", {"reeve.io/plan": plan(agent, "uid-good", uuid(2), 3000)})})
    kubelet.listed["good"] = []
    preferred = fields(kubelet.call("GetPreferredAllocation", field(1, b"".join(field(1, i) for i in ids) + field(3, 1))))
    chosen = fields(preferred[1][0])[1][0].decode()
    expect("the device that is preferred", True, ids.index(chosen) // 1000 == 2)
    answer = fields(fields(kubelet.call("Allocate", field(1, field(1, chosen))))[1][0])
    names = [fields(d)[1][0].decode() for d in answer[5]]
    expect("CDI names", ["reeve.io/share=uid-good_main"], names)
    expect("the same for a kubelet that hands on annotations alone", [{1: [b"cdi.k8s.io/reeve-node_nvidia.com-gpu"], 2: [",".join(names).encode()]}],
           [fields(annotation) for annotation in answer.get(4, [])])
    with open(os.path.join(folder, "cdi", "reeve.io-share_uid-good_main.json")) as f:
        edits = json.load(f)["devices"][0]["containerEdits"]
    expect("mounts", ["/.reeve", "/.reeve/books"], [m["containerPath"] for m in edits["mounts"]][:2])
    with open(os.path.join(folder, "state", "allocations", "uid-good_main", "limits"), "rb") as f:
        limits = f.read()
    expect("the limit", True, (3000 << 20).to_bytes(8, "little") in limits)
    kubelet.listed["good"] = [chosen]
    expect("PreStartContainer", b"", kubelet.call("PreStartContainer", field(1, chosen)))

    # Amounts that change while it runs.
    changes.put({"type": "MODIFIED", "object": pod("good", {"reeve.io/plan": plan(agent, "uid-good", uuid(2), 5000)})})
    for _ in range(200):
        with open(os.path.join(folder, "state", "allocations", "uid-good_main", "limits"), "rb") as f:
            if (5000 << 20).to_bytes(8, "little") in f.read():
                break
        time.sleep(0.05)
    else:
        failures.append("a changed plan changes no limit")

    # A pod whose plan somebody else signed.
    changes.put({"type": "ADDED", "object": pod("bad", {"reeve.io/plan": plan(stranger, "uid-bad", uuid(1), 3000)})})
    kubelet.listed["bad"] = []
    refusal = kubelet.refusal("Allocate", field(1, field(1, ids[0])))
    expect("a forged plan", grpc.StatusCode.FAILED_PRECONDITION, refusal.code())
    expect("its reason", True, "not signed" in refusal.details())
    event = events.get(timeout=30)
    expect("the event", ("DevicesRefused", "bad"), (event["reason"], event["involvedObject"]["name"]))

    with open(os.path.join(folder, "log")) as f:
        at = f.read().split("event=metrics.listening at=")[1].split()[0]
    page = urllib.request.urlopen("http://%s/metrics" % at, timeout=30).read().decode()
    for line in ('reeve_node_kubelet_plugins{node="n1"} 1', 'reeve_node_containers_refused_total{node="n1"} 1'):
        expect(line, True, line in page)

    expect("an unknown method", grpc.StatusCode.UNIMPLEMENTED, kubelet.refusal("Nothing", b"").code())
    expect("no message", grpc.StatusCode.INVALID_ARGUMENT, kubelet.refusal("Allocate", b"\xff\xff").code())

    # A plan that needs an instance: it is made, given, and removed with its allocation; one that cannot be made is refused.
    changes.put({"type": "ADDED", "object": pod("cut", {"reeve.io/plan": plan(agent, "uid-cut", uuid(3), 9728, " 1g.10gb 4")})})
    kubelet.listed["bad"] = [ids[1]]
    kubelet.listed["cut"] = []
    changes.put({"type": "DELETED", "object": pod("bad", {})})
    del kubelet.listed["bad"]
    kubelet.call("Allocate", field(1, field(1, ids[0])))
    kubelet.listed["cut"] = [ids[0]]
    made = instances()
    expect("what was written down", "ready uid-cut_main %s 1g.10gb 4 7 0 MIG-00000003-0000-0000-0000-000000000000\n" % uuid(3), made)
    with open(os.path.join(folder, "state", "allocations", "uid-cut_main.json")) as f:
        expect("the instance is what is given", True, "MIG-00000003-0000-0000-0000-000000000000" in f.read())
    changes.put({"type": "ADDED", "object": pod("odd", {"reeve.io/plan": plan(agent, "uid-odd", uuid(3), 9728, " 2g.20gb 0")})})
    kubelet.listed["odd"] = []
    refusal = kubelet.refusal("Allocate", field(1, field(1, ids[2])))
    expect("a profile that is none", True, "no such profile" in refusal.details())
    expect("its event", "odd", events.get(timeout=30)["involvedObject"]["name"])
    del kubelet.listed["odd"]

    # A kubelet that starts anew removes all sockets but its own.
    kubelet.end()
    for name in os.listdir(plugins):
        os.unlink(os.path.join(plugins, name))
    kubelet.begin()
    kubelet.registered.get(timeout=60)
    expect("the same ids", ids, [d[1][0].decode() for d in kubelet.state(4000)])


def main():
    api = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Api)
    api.daemon_threads = True
    threading.Thread(target=api.serve_forever, daemon=True).start()
    with open(os.path.join(folder, "kubeconfig"), "w") as f:
        json.dump({"apiVersion": "v1", "kind": "Config", "current-context": "c",
                   "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:%d" % api.server_port}}],
                   "users": [{"name": "u", "user": {"token": "t"}}],
                   "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}]}, f)
    with open(os.path.join(folder, "keys.pem"), "wb") as f:
        f.write(agent["public"])
    kubelet = Kubelet()
    log = open(os.path.join(folder, "log"), "w")
    daemon = begin(log)
    try:
        whole(kubelet, uuid)
        daemon = crash(kubelet, uuid, daemon, log)
        administrators(uuid)
    except Exception as e:
        failures.append("%s: %s" % (type(e).__name__, e))
    daemon.send_signal(signal.SIGTERM)
    expect("the daemon's end", 0, daemon.wait(timeout=60))
    expect("sockets left behind", [], [n for n in os.listdir(plugins) if n.startswith("reeve-")])
    kubelet.end()
    if failures:
        print("\n".join(failures))
        with open(os.path.join(folder, "log")) as f:
            print(f.read())
    return 1 if failures else 0


def uuid(i):
    return "GPU-4%d4%d4%d4%d-4%d4%d-4%d4%d-4%d4%d-4%d4%d4%d4%d4%d4%d" % ((i,) * 16)


def becomes(what, wanted, ask):
    for _ in range(400):
        if ask() == wanted:
            return
        time.sleep(0.05)
    failures.append("%s: %r, %r was expected" % (what, ask(), wanted))


def instances():
    with open(os.path.join(folder, "state", "instances")) as f:
        return "".join(line for line in f if not line.startswith("boot "))


def crash(kubelet, uuid, daemon, log):
    """The daemon is killed while it makes an instance: the next one undoes it, keeps what was given, and makes it anew."""
    changes.put({"type": "ADDED", "object": pod("late", {"reeve.io/plan": plan(agent, "uid-late", uuid(2), 9728, " 1g.10gb 1")})})
    kubelet.listed["late"] = []
    first = instances()
    ids = ["%s-0" % kubelet.short, "%s-1" % kubelet.short]
    kept = threading.Thread(target=lambda: kubelet.refusal("Allocate", field(1, field(1, ids[0]))))
    kept.start()
    becomes("it is written down first", True, lambda: "making uid-late_main" in instances())
    daemon.kill()
    daemon.wait()
    kept.join()
    changes.put(None)
    daemon = begin(log)
    kubelet.registered.get(timeout=60)
    becomes("what was half made is gone", first, instances)
    kubelet.state(4000)
    changes.put({"type": "ADDED", "object": pod("late", {"reeve.io/plan": plan(agent, "uid-late", uuid(2), 9728, " 1g.10gb 1")})})
    for name in ("good", "cut"):
        changes.put({"type": "ADDED", "object": dict(pod(name, {}), status={"phase": "Running"})})
    expect("Allocate after a crash", None, kubelet.refusal("Allocate", field(1, field(1, ids[1]))))
    becomes("it is made anew", True, lambda: "ready uid-late_main" in instances())
    return daemon


def administrators(uuid):
    """An instance that somebody else made is not removed by who was about to make one at its place."""
    def change(lock, *words):
        said = subprocess.run([node, "instance", os.path.join(folder, lock), build + "/fake/libnvidia-ml.so.1", *words],
                              env=environment, check=True, capture_output=True)
        return said.stdout.decode().split("\n")[0]
    place = (uuid(1), "1g.10gb", "2")
    made = change("admins.lock", "make", *place, "-1")
    expect("an administrator's instance", "ok", made.split()[0])
    expect("a plan's at the same place", "error", change("state/instances.lock", "make", *place, "-1").split()[0])
    expect("what is undone", "ok", change("state/instances.lock", "remove", *place, "-1"))
    expect("by an id of old", "ok", change("state/instances.lock", "remove", *place, str(int(made.split()[1]) + 1)))
    expect("it stands", "error", change("state/instances.lock", "make", *place, "-1").split()[0])
    expect("its maker can", "ok", change("admins.lock", "remove", *place, "-1"))
    made = change("state/instances.lock", "make", *place, "-1")
    expect("then it can be made", "ok", made.split()[0])
    expect("and removed, though nobody heard that it was made", "ok", change("state/instances.lock", "remove", *place, "-1"))
    expect("the place is empty", "ok", change("admins.lock", "make", *place, "-1").split()[0])


environment = dict(os.environ, FAKE_GPU=os.path.join(folder, "gpu"), FAKE_DEVICES="4", FAKE_MIG_MS="300")


os.mkdir(folder + "/dev")
for name in ["nvidiactl", "nvidia-uvm", "nvidia0", "nvidia1", "nvidia2", "nvidia3"]:
    open(folder + "/dev/" + name, "w").close()


def begin(log):
    return subprocess.Popen(
        [node, "--node", "n1", "--state-dir", os.path.join(folder, "state"), "--nvml", build + "/fake/libnvidia-ml.so.1",
         "--metrics-listen", "127.0.0.1:0", "--kernel-log", "", "--sysfs", folder + "/sys", "--procfs", folder + "/proc", "--devfs", folder + "/dev", "--shares", "1000",
         "--kubeconfig", os.path.join(folder, "kubeconfig"), "--kubelet-dir", kubelet_dir, "--cdi-dir", os.path.join(folder, "cdi"),
         "--plan-keys", os.path.join(folder, "keys.pem"), "--libraries", build + "/lib"],
        env=environment, stdout=log, stderr=log)


agent, stranger = key_make("agent.pem"), key_make("stranger.pem")
status = main()
changes.put(None)
shutil.rmtree(folder, ignore_errors=True)
sys.stdout.flush()
os._exit(status)
