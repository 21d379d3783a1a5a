"""Says what is being measured now."""

from rich.progress import Progress, TaskID


class Steps:
    """A bar that moves on with each step."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress = progress
        self._task: TaskID = progress.add_task("starting", total=total)
        self._begun = False

    def next(self, what: str) -> None:
        """The step before is through; ``what`` begins."""
        self._progress.update(self._task, description=what, advance=1 if self._begun else 0)
        self._begun = True

    def finish(self) -> None:
        """All are through."""
        self._progress.update(
            self._task, description="measured", completed=self._progress.tasks[0].total
        )
