"""The web application around a scheduler, on a thread of its own."""

from __future__ import annotations

import asyncio
import http.client
import threading

import tornado.httpserver
import tornado.netutil

from luigi_clone import server


class Served:
    """Serves ``scheduler`` on a free port of this machine while it is entered."""

    def __init__(self, scheduler):
        self.scheduler = scheduler
        self._ready = threading.Event()
        self._thread = threading.Thread(target=asyncio.run, args=(self._serve(),))

    async def _serve(self):
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        [socket] = tornado.netutil.bind_sockets(0, "127.0.0.1")
        self.port = socket.getsockname()[1]
        application = server.app(self.scheduler)
        self.streams = application.settings["streams"]
        web = tornado.httpserver.HTTPServer(application)
        web.add_sockets([socket])
        self._ready.set()
        await self._ended.wait()
        web.stop()
        await web.close_all_connections()
        await self._loop.shutdown_default_executor()

    def __enter__(self):
        self._thread.start()
        assert self._ready.wait(20)
        return self

    def __exit__(self, *exc_info):
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join()

    def ask(self, path, method="GET"):
        """Return status, headers and text of the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read().decode()
        finally:
            connection.close()
