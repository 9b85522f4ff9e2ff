"""Limits of the box, read from `course_config.py` as `c.BoxSettings.…`."""

from __future__ import annotations

from traitlets import Bool, Enum, Float, Integer, List, Unicode, default
from traitlets.config import Configurable

BUBBLEWRAP, BUBBLEWRAP_PROC, LANDLOCK = "bubblewrap", "bubblewrap-proc", "landlock"
WALLS = (BUBBLEWRAP, BUBBLEWRAP_PROC, LANDLOCK)  # forms of the wall, the strongest first

_BASE_CELL_S = 45.0
# nbgrader's Execute has its time-out of its own section, or of those of the classes above it.
_CELL_TIME = ("Execute", "ExecutePreprocessor", "NotebookClient")


class BoxSettings(Configurable):
    """What a submission may use. Units are in the names; each default says why.

    A limit holds for one notebook, since each notebook of a submission gets a box of its own. Where a
    course sets nbgrader's own time-out of a cell (`c.Execute.timeout`), that is the default of
    `cell_wall_s`, and a longer one than ours lengthens what depends on it.
    """

    wall = Enum(
        WALLS,
        default_value=BUBBLEWRAP,
        help="The weakest form of the wall that may be used; the strongest that can be built is. "
        "'bubblewrap' has namespaces of its own for everything. 'bubblewrap-proc' sees the processes of the "
        "container it is in, by name. 'landlock' is for containers that allow no namespaces. What each does "
        "not hold stands in docs/security.md.",
    ).tag(config=True)
    start_wall_s = Float(
        120.0,
        help="Starting a kernel: 5 s for imports on an idle machine, much longer on a busy one. "
        "A kernel that does not start is our failure, so this is generous.",
    ).tag(config=True)
    cell_wall_s = Float(
        _BASE_CELL_S,
        help="One cell. The slowest cell of the reference takes about 10 s on one core; a function that "
        "hangs costs this once, and a quarter of a minute for what calls it.",
    ).tag(config=True)
    probe_wall_s = Float(
        _BASE_CELL_S, help="One question of a hidden test. The reference's slowest takes about 5 s."
    ).tag(config=True)
    notebook_wall_s = Float(
        600.0, help="All cells and probes of one notebook. The reference takes under a minute."
    ).tag(config=True)
    cell_cpu_s = Float(
        240.0,
        help="Processor time of one cell or probe, all of its processes: a few workers' worth.",
    ).tag(config=True)
    notebook_cpu_s = Float(
        2400.0, help="Processor time of a whole notebook, all of its processes."
    ).tag(config=True)
    memory_mib = Integer(
        4096,
        help="Memory of a box beyond what it shares with the warm process. "
        "A VGG16 of float32 weights takes 528 MiB, with gradients and Adam four times that.",
    ).tag(config=True)
    pictures_anew = Bool(
        False,
        help="Draw anew, while grading, what is only looked at: cells that the source tags `as-handed-in`, "
        "and pictures of the notebooks' own helpers. By default they are shown as they were handed in. It "
        "changes no mark, and costs as much as all the rest.",
    ).tag(config=True)
    control_groups = Bool(
        True,
        help="Hold the memory limit by a control group, where the kit may make one. Off, or elsewhere, "
        "a watchdog holds it.",
    ).tag(config=True)
    disk_mib = Integer(
        1024,
        help="The work folder and /tmp, each. They lie in memory; a saved VGG16 takes 528 MiB.",
    ).tag(config=True)
    output_mib = Integer(
        8, help="Text and pictures that one cell may show; what comes after is cut off."
    ).tag(config=True)
    outputs = Integer(1000, help="Number of outputs that one cell may show.").tag(config=True)
    reply_mib = Integer(
        1024, help="Data that one probe may return. A VGG16's weights take 528 MiB."
    ).tag(config=True)
    processes = Integer(
        256,
        help="Processes and threads of the box's user; a DataLoader with workers needs a few dozen.",
    ).tag(config=True)
    open_files = Integer(1024, help="Open files of one process, the usual default.").tag(
        config=True
    )
    restarts = Integer(
        8,
        help="How often a notebook's kernel is started anew after a cell or a probe killed or hung it; "
        "the cells before are replayed each time.",
    ).tag(config=True)
    threads = Integer(
        1, help="Threads of a torch operation. One keeps sums in one order, so the marks repeat."
    ).tag(config=True)
    disk_files = Integer(
        20_000,
        help="Files in the work folder and in /tmp, each. A torch.compile cache has hundreds.",
    ).tag(config=True)
    warm = Bool(
        True,
        help="Fork kernels from one process that has imported warm_imports already, where this system "
        "allows it. Off, each kernel imports for itself: seconds instead of a fifth of one.",
    ).tag(config=True)
    warm_imports = List(
        Unicode(),
        default_value=[
            "numpy",
            "torch",
            "torch._dynamo",
            "torchvision",
            "torchvision.transforms.v2",
            "matplotlib.pyplot",
            "IPython",
            "ipykernel.kernelapp",
            "ipykernel.ipkernel",
            # What a kernel imports only once it starts: a fifth of the time that takes in a fork.
            "ipykernel.debugger",
            "IPython.core.completerlib",
            "IPython.core.debugger",
            "IPython.core.oinspect",
            "IPython.extensions.storemagic",
            "tornado.platform.asyncio",
            "tornado.queues",
            "safetensors.torch",
            "tqdm.auto",
        ],
        help="Modules that the warm process imports once for all kernels. They must not start threads, "
        "touch a GPU or look for a running IPython (as matplotlib's inline backend does). Unless the course "
        "sets this list, torch and torchvision are left out for notebooks that are judged by their own tests "
        "and use neither, and pandas, seaborn, sklearn and the like are added where its own notebooks import "
        "them.",
    ).tag(config=True)
    warm_besides = List(
        Unicode(),
        help="Modules that it imports besides, where they are there and start no thread. Set by the kit.",
    )
    gpu = Integer(
        None,
        allow_none=True,
        help="The number of the GPU that boxes may use, as nvidia-smi counts them. Without one no box "
        "sees a GPU, and submissions are graded on the CPU, in the short size.",
    ).tag(config=True)
    gpu_memory_mib = Integer(
        16384,
        help="Memory of the GPU that a box may hold, with the 500 MiB or so that CUDA takes for itself. "
        "A VGG16 with gradients, Adam and a batch of 32 images of 224x224 needs about half. Time on "
        "the GPU is bounded by the wall times above: what runs there ends with its kernel.",
    ).tag(config=True)
    user_id = Integer(
        64000,
        help="Started by root, students' code runs as this unprivileged user and group id "
        "(plus a number below 1000 that differs between graders). It needs no account.",
    ).tag(config=True)

    @default("cell_wall_s")
    def _cell_wall_s(self) -> float:
        return _BASE_CELL_S * self._scale()

    @default("cell_cpu_s")
    def _cell_cpu_s(self) -> float:
        return self._scaled("cell_cpu_s")

    @default("notebook_wall_s")
    def _notebook_wall_s(self) -> float:
        return self._scaled("notebook_wall_s")

    @default("notebook_cpu_s")
    def _notebook_cpu_s(self) -> float:
        return self._scaled("notebook_cpu_s")

    def _scaled(self, name: str) -> float:
        return float(type(self).class_traits()[name].default_value) * max(1.0, self._scale())

    def _scale(self) -> float:
        """nbgrader's time-out of a cell, where the course sets one, as a part of our own."""
        if "cell_wall_s" in self.config.BoxSettings:
            return 1.0
        sections = (self.config[name] for name in _CELL_TIME if name in self.config)
        timeout = next((section.timeout for section in sections if section.get("timeout")), 0)
        return timeout / _BASE_CELL_S if timeout > 0 else 1.0
