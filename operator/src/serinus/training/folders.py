"""Folders that steps leave behind: whole or not at all."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from serinus.core.errors import TrainingFailed


@contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """A folder to write into that becomes `target` when the block ends well; what an attempt before left is replaced.

    Raises TrainingFailed where the disk refuses.
    """
    draft = target.with_name(f"{target.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        draft.mkdir(parents=True)
        yield draft
        shutil.rmtree(target, ignore_errors=True)
        os.rename(draft, target)
    except OSError as error:
        raise TrainingFailed(f"{target} cannot be written ({error}); make room there or correct its rights") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
