"""HTTP by hand over asyncio's streams; rules are called through a pool of one's own; subclasses share one run()."""

import json
import ssl
from urllib.parse import urljoin, urlsplit

REDIRECTS = (301, 302, 303, 307, 308)


class PermanentError(Exception):
    """Asking again does not help."""


class AskingTrigger(BaseTrigger):
    """Ask until there is an answer, or an error that is permanent."""

    error_type = "unexpected"
    subject = "url"
    check_interval: float

    async def ask(self) -> dict[str, Any] | None:
        raise NotImplementedError

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return f"trigger_implementation_exercise.{type(self).__name__}", dict(self.arguments)

    async def run(self) -> AsyncIterator[TriggerEvent]:
        subject = self.arguments[self.subject]
        try:
            while (found := await self.ask()) is None:
                await asyncio.sleep(self.arguments["check_interval"])
            yield TriggerEvent({"status": "success", self.subject: subject, **found})
        except PermanentError as error:
            errors = {subject: str(error)}
            yield TriggerEvent(_error_payload(self.error_type, f"{subject}: {error}", errors))
        except Exception as error:
            yield TriggerEvent(_error_payload("unexpected", _reason(error), {}))


class ApiTrigger(AskingTrigger):
    error_type = "api"

    def __init__(self, url: str, expected_status: str = "ready", check_interval: float = 30) -> None:
        super().__init__()
        if not url or check_interval <= 0:
            raise ValueError(f"empty url, or check_interval not above 0: {url!r}, {check_interval!r}")
        self.arguments = {"url": url, "expected_status": expected_status, "check_interval": check_interval}

    async def ask(self) -> dict[str, Any] | None:
        try:
            status, body = await asyncio.wait_for(self._get(self.arguments["url"]), 5)
            if 400 <= status < 500 and status not in (408, 425, 429):
                raise PermanentError(f"HTTP status {status}")
            answer = json.loads(body) if status < 300 else None
        except (OSError, EOFError, asyncio.TimeoutError, UnicodeDecodeError, json.JSONDecodeError) as error:
            self.log.info("%s: %s", self.arguments["url"], _reason(error))
            return None
        matches = isinstance(answer, dict) and answer.get("status") == self.arguments["expected_status"]
        return {"answer": answer} if matches else None

    async def _get(self, url: str, redirects: int = 5) -> tuple[int, bytes]:
        """Return status and body, after redirects."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"invalid URL: {url!r}")
        tls = await asyncio.to_thread(ssl.create_default_context) if parts.scheme == "https" else None
        port = parts.port or (443 if tls else 80)
        reader, writer = await asyncio.open_connection(parts.hostname, port, ssl=tls)
        try:
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            # HTTP/1.0: the server closes the connection after the body, and sends it in one piece.
            writer.write(f"GET {path} HTTP/1.0\r\nHost: {parts.netloc}\r\nAccept: application/json\r\n\r\n".encode())
            await writer.drain()
            head, body = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").splitlines(), await reader.read()
        finally:
            writer.close()
        status = int(head[0].split()[1])
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
        if status in REDIRECTS and "location" in headers and redirects:
            return await self._get(urljoin(url, headers["location"]), redirects - 1)
        return status, body


class BusinessRuleTrigger(AskingTrigger):
    error_type = subject = "rule"

    def __init__(self, rule: str, rule_kwargs: dict[str, Any] | None = None, check_interval: float = 30) -> None:
        super().__init__()
        if not isinstance(rule, str) or "." not in rule or check_interval <= 0:
            raise ValueError(f"no import path, or check_interval not above 0: {rule!r}, {check_interval!r}")
        self.arguments = {"rule": rule, "rule_kwargs": rule_kwargs, "check_interval": check_interval}

    async def ask(self) -> dict[str, Any] | None:
        agreed, problem = await asyncio.get_running_loop().run_in_executor(DIRECTORY_THREADS, self._call)
        if problem:
            raise PermanentError(problem)
        return {} if agreed else None

    def _call(self) -> tuple[bool, str]:
        module, _, name = self.arguments["rule"].rpartition(".")
        try:
            return bool(vars(import_module(module))[name](**(self.arguments["rule_kwargs"] or {}))), ""
        except BaseException as error:
            return False, _reason(error)
