"""A real browser, driven by its own debugging protocol over a pipe: no driver and no library between.

Messages are JSON, each ended by a zero byte; the browser reads them from its descriptor 3 and writes to 4
(Chrome DevTools Protocol, --remote-debugging-pipe).
"""
import json
import os
import subprocess
import time

WAIT_S = 30
PROGRAMS = ("/usr/bin/chromium-headless-shell", "/usr/bin/chromium")


def program():
    """The browser of this machine; None: there is none."""
    return next((p for p in PROGRAMS if os.access(p, os.X_OK)), None)


class Browser:
    """One browser with one page. What the page complains of gathers in `complaints`."""

    def __init__(self, folder):
        theirs_in, self.to = os.pipe()
        self.come, theirs_out = os.pipe()
        command = [program(), "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                   "--ignore-certificate-errors", "--remote-debugging-pipe", "--user-data-dir=" + folder]
        self.process = subprocess.Popen(
            ["sh", "-c", 'exec 3<&"$1" 4>&"$2"; shift 2; exec "$@"', "sh", str(theirs_in), str(theirs_out)] + command,
            pass_fds=(theirs_in, theirs_out), stdin=subprocess.DEVNULL, env={**os.environ, "HOME": folder},
            stdout=subprocess.DEVNULL, stderr=open(folder + "/browser.log", "wb"))
        os.close(theirs_in)
        os.close(theirs_out)
        self.pending = b""
        self.number = 0
        self.session = None
        self.complaints = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(domain + ".enable")

    def message(self):
        while b"\0" not in self.pending:
            more = os.read(self.come, 65536)
            if not more:
                raise AssertionError("the browser ended: see browser.log")
            self.pending += more
        text, self.pending = self.pending.split(b"\0", 1)
        return json.loads(text)

    def note(self, message):
        about = message.get("params", {})
        if message.get("method") == "Runtime.exceptionThrown":
            self.complaints.append(about["exceptionDetails"].get("exception", {}).get("description", "an exception"))
        if message.get("method") == "Log.entryAdded" and about["entry"]["level"] == "error":
            self.complaints.append(about["entry"]["text"])

    def call(self, method, **params):
        self.number += 1
        what = {"id": self.number, "method": method, "params": params}
        if self.session:
            what["sessionId"] = self.session
        os.write(self.to, json.dumps(what).encode() + b"\0")
        while True:
            message = self.message()
            if message.get("id") == self.number:
                if "error" in message:
                    raise AssertionError(f"{method}: {message['error']}")
                return message["result"]
            self.note(message)

    def eval(self, text):
        """The value of an expression in the page."""
        result = self.call("Runtime.evaluate", expression=text, returnByValue=True, awaitPromise=True,
                           allowUnsafeEvalBlockedByCSP=False)
        if "exceptionDetails" in result:
            raise AssertionError(f"{text}: {result['exceptionDetails']['text']}")
        return result["result"].get("value")

    def open(self, url):
        self.call("Page.navigate", url=url)

    def text(self):
        return self.eval("document.body ? document.body.innerText : ''") or ""

    def until(self, what, text):
        """Waits for an expression to be true; what it stands for is said when it never is."""
        limit = time.monotonic() + WAIT_S
        while not self.eval(text):
            if time.monotonic() > limit:
                raise AssertionError(f"waited {WAIT_S} s for {what}; the page says:\n{self.text()}")
            time.sleep(0.1)

    def close(self):
        self.process.kill()
        self.process.wait()
