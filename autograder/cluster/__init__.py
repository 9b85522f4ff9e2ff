"""Many machines: jobs are judged by the workers of a Dask cluster, over TLS only.

`pool` is the near end, on the course's machine; `worker` the far end, in each Dask worker; `bundle` what
travels between them, and `tls` the keys by which they know each other. Only these files and the command
line's option `--cluster` know of Dask, and `tls` does without it, so that keys can be made before it is
installed.
"""
