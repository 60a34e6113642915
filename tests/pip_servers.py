"""SFTP and FTPS servers from pip packages, as a process of their own: `python pip_servers.py KIND JSON`.

Started as root it becomes the given user once everything is imported, so that permissions count.
"""

import asyncio
import json
import os
import sys


def become(user):
    if user and os.geteuid() == 0:
        os.initgroups(user["name"], user["gid"])
        os.setgid(user["gid"])
        os.setuid(user["uid"])


def sftp(options):
    import asyncssh

    class Door(asyncssh.SSHServer):
        def begin_auth(self, username):
            return True

        def password_auth_supported(self):
            return not options.get("interactive")

        def validate_password(self, username, password):
            return (username, password) == (options["username"], options["password"])

        def kbdint_auth_supported(self):
            return bool(options.get("interactive"))

        def get_kbdint_challenge(self, username, lang, submethods):
            return "Log-in", "", "en", [("Password: ", False)]

        def validate_kbdint_response(self, username, responses):
            return self.validate_password(username, responses[0])

    class Files(asyncssh.SFTPServer):
        """The user's folder, with the odd habits that are asked for."""

        def __init__(self, chan):
            super().__init__(chan, chroot=options["root"])

        def refuse(self, habit):
            if habit in options.get("refuse", []):
                raise asyncssh.SFTPError(asyncssh.FX_OP_UNSUPPORTED, "Operation unsupported")

        def posix_rename(self, oldpath, newpath):
            self.refuse("posix_rename")
            return super().posix_rename(oldpath, newpath)

        def rename(self, oldpath, newpath):
            self.refuse("rename")
            return super().rename(oldpath, newpath)

        def stat(self, path):
            if "stat" in options.get("refuse", []):
                raise asyncssh.SFTPNoSuchFile("No such file")
            return super().stat(path)

        def fstat(self, file_obj):
            self.refuse("stat")
            return super().fstat(file_obj)

    # Read while this is still root: asyncssh looks at them again at each log-in.
    host_keys = [asyncssh.read_private_key(path) for path in options["host_keys"]]
    authorized = options.get("authorized_keys")

    async def serve():
        await asyncssh.listen(
            "127.0.0.1",
            options["port"],
            server_factory=Door,
            server_host_keys=host_keys,
            sftp_factory=Files,
            sftp_version=3,
            authorized_client_keys=asyncssh.import_authorized_keys(authorized) if authorized else None,
            **options.get("listen", {}),
        )
        become(options.get("user"))
        await asyncio.Event().wait()

    asyncio.run(serve())


def ftps(options):
    from pyftpdlib.authorizers import DummyAuthorizer
    from pyftpdlib.handlers import TLS_DTPHandler, TLS_FTPHandler
    from pyftpdlib.servers import FTPServer

    class Data(TLS_DTPHandler):
        def _do_ssl_shutdown(self):
            """With `silent_close`: the file is whole and said to be, but the end of TLS is never answered."""
            if not options.get("silent_close"):
                super()._do_ssl_shutdown()
            elif not self.file_obj.closed:
                self.file_obj.close()
                self.cmd_channel.respond("226 Transfer complete.")

    class Handler(TLS_FTPHandler):
        certfile = options["certificate"]
        tls_control_required = True
        tls_data_required = True
        banner = "ready"
        masquerade_address = options.get("passive_address")
        encoding = options.get("encoding", "utf-8")
        proto_cmds = {name: value for name, value in TLS_FTPHandler.proto_cmds.items() if name not in options.get("refuse", [])}

    Handler.dtp_handler = Data
    Handler.authorizer = DummyAuthorizer()
    Handler.authorizer.add_user(options["username"], options["password"], options["root"], perm="elradfmwMT")
    server = FTPServer(("127.0.0.1", options["port"]), Handler)
    become(options.get("user"))
    server.serve_forever()


if __name__ == "__main__":
    {"sftp": sftp, "ftps": ftps}[sys.argv[1]](json.loads(sys.argv[2]))
