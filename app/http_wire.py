"""What uvicorn's HTTP lacks for us: long responses learn that the server stops."""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.stopping import STOPPING, Stopping


class HttpProtocol(HttpToolsProtocol):
    """For uvicorn's option ``http``."""

    def on_message_begin(self) -> None:
        """Begin a request, whose response may ask whether the server stops."""
        super().on_message_begin()
        self._stopping = Stopping()
        self.scope["extensions"] = {STOPPING: {"signal": self._stopping}}

    def shutdown(self) -> None:
        """Tell the response that runs, and answer no further request."""
        if self.cycle is not None and not self.cycle.response_complete:
            self._stopping.stop()
        super().shutdown()
