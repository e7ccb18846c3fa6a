"""A relay of datagrams on 127.0.0.1 that loses the first one of each direction where it is told to."""

import contextlib
import select
import socket
import threading


class Relay:
    """Stands between a client and a server, and notes the longest datagram of each."""

    def __init__(self, port, lossy):
        self.lost = {"client": 0, "server": 0}
        self.longest = {"client": 0, "server": 0}
        self._lossy = lossy
        self._near = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._near.bind(("127.0.0.1", 0))
        self._far = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._far.connect(("127.0.0.1", port))
        self._stop, self._stopped = socket.socketpair()
        self.port = self._near.getsockname()[1]
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.close()
        self._thread.join()
        for sock in (self._near, self._far, self._stopped):
            sock.close()

    def _run(self):
        client = None
        while True:
            ready, _, _ = select.select([self._near, self._far, self._stopped], [], [])
            if self._stopped in ready:
                return
            # An end that is gone is for the other end to notice.
            if self._near in ready:
                with contextlib.suppress(ConnectionError):
                    datagram, client = self._near.recvfrom(65536)
                    if self._passes("client", datagram):
                        self._far.send(datagram)
            if self._far in ready:
                with contextlib.suppress(ConnectionError):
                    datagram = self._far.recv(65536)
                    if self._passes("server", datagram):
                        self._near.sendto(datagram, client)

    def _passes(self, sender, datagram):
        self.longest[sender] = max(self.longest[sender], len(datagram))
        if self._lossy and self.lost[sender] == 0:
            self.lost[sender] = 1
            return False
        return True
