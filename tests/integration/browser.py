"""A headless Chromium over chromedriver's HTTP, and the virtual authenticator
that it has for tests of passkeys. Nothing but the standard library."""
import json
import shutil
import subprocess
import urllib.error
import urllib.request


def why_not():
    """None where both programs are installed, else what is missing."""
    for program in ("chromium", "chromedriver"):
        if not shutil.which(program):
            return f"no {program} (install chromium-driver)"
    return None


class Browser:
    def __init__(self, profile):
        self.driver = subprocess.Popen(
            ["chromedriver", "--port=0"], stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True)
        self.base = None
        for line in self.driver.stdout:
            if "started successfully on port" in line:
                port = line.rsplit(" ", 1)[1].strip(" .\n")
                self.base = f"http://127.0.0.1:{port}"
                break
        if not self.base:
            raise RuntimeError("chromedriver did not start")
        options = {"binary": shutil.which("chromium"),
                   "args": ["--headless=new", "--no-sandbox", "--disable-gpu",
                            "--disable-dev-shm-usage", "--no-first-run",
                            f"--user-data-dir={profile}"]}
        session = self.call("POST", "/session", {"capabilities": {
            "alwaysMatch": {"goog:chromeOptions": options}}})
        self.base += "/session/" + session["sessionId"]
        self.call("POST", "/timeouts", {"script": 60000})

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            self.base + path, data=data, method=method,
            headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(error.read().decode()[:500]) from None

    def go(self, url):
        self.call("POST", "/url", {"url": url})

    def run(self, script, *args):
        """Runs the body of an async function; its value, or {"error": name}."""
        text = """const args = [...arguments], done = args.pop();
            (async () => {%s})().then(done, e => done({error: e.name,
                message: String(e.message)}));""" % script
        return self.call("POST", "/execute/async",
                         {"script": text, "args": list(args)})

    def authenticator(self, verified=True, **more):
        options = {"protocol": "ctap2", "transport": "internal",
                   "hasResidentKey": True, "hasUserVerification": True,
                   "isUserVerified": verified, "isUserConsenting": True, **more}
        return self.call("POST", "/webauthn/authenticator", options)

    def remove(self, authenticator):
        self.call("DELETE", f"/webauthn/authenticator/{authenticator}")

    def close(self):
        try:
            self.call("DELETE", "")
        except (RuntimeError, OSError):
            pass
        self.driver.terminate()
        try:
            self.driver.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.driver.kill()
            self.driver.wait()
