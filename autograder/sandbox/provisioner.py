"""The box for stock Jupyter tools: a kernel provisioner for jupyter_client.

Whatever starts kernels through jupyter_client (nbclient, `jupyter execute`, nbconvert) gets a boxed
kernel when it is told to, by the environment variable
``JUPYTER_DEFAULT_PROVISIONER_NAME=autograder-box`` or by a kernelspec that names the provisioner
``autograder-box``. The kit's own grading does not go this way: `driver` bounds every message, which
stock clients do not.
"""

from __future__ import annotations

import asyncio
import signal
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning.provisioner_base import KernelProvisionerBase

from autograder.sandbox.kernel import BoxedKernel, KernelPlan
from autograder.sandbox.settings import BoxSettings
from autograder.sandbox.warm import start_kernel


class BoxProvisioner(KernelProvisionerBase):
    """Starts the kernel in a box instead of the kernelspec's command."""

    _kernel: BoxedKernel | None = None

    @property
    def has_process(self) -> bool:
        return self._kernel is not None

    async def poll(self) -> int | None:
        return None if self._kernel is not None and self._kernel.alive else 1

    async def wait(self) -> int | None:
        while await self.poll() is None:
            await asyncio.sleep(0.05)
        return 1

    async def send_signal(self, signum: int) -> None:
        if self._kernel is not None:
            self._kernel.signal(signum)

    async def kill(self, restart: bool = False) -> None:  # noqa: ARG002
        if self._kernel is not None:
            self._kernel.signal(signal.SIGKILL)

    async def terminate(self, restart: bool = False) -> None:
        await self.kill(restart)

    async def cleanup(self, restart: bool = False) -> None:  # noqa: ARG002
        if self._kernel is not None:
            self._kernel.kill()
            self._kernel = None

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        # No kernelspec's command is run, so a submission that names one chooses nothing.
        return await super().pre_launch(cmd=["autograder-box"], **kwargs)

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:  # noqa: ARG002
        self._kernel = start_kernel(BoxSettings(parent=self.parent), KernelPlan())
        info: KernelConnectionInfo = {
            "transport": "ipc",
            "ip": f"{self._kernel.folder}/kernel",
            "key": self._kernel.key.encode(),  # type: ignore[typeddict-item]  # bytes, in truth
            "signature_scheme": "hmac-sha256",
            "shell_port": 1,
            "iopub_port": 2,
            "stdin_port": 3,
            "control_port": 4,
            "hb_port": 5,
        }
        self.connection_info = info
        return info
