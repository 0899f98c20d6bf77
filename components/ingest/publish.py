"""A snapshot at an address that fsspec knows, such as a bucket: the data first, the card last. It is there when its card is."""

from pathlib import Path

from components.ingest.addresses import shown
from components.ingest.snapshot import CARD_FILE, DATA_FILE
from serinus.core.errors import StateUnwritable


def publish(folder: Path, root: str) -> str:
    """Copy the snapshot in `folder` to `root/<its name>` unless it is there; returns that address."""
    from fsspec.core import url_to_fs

    address = f"{root.rstrip('/')}/{folder.name}"
    try:
        filesystem, path = url_to_fs(address)
        if not filesystem.exists(f"{path}/{CARD_FILE}"):
            for name in (DATA_FILE, CARD_FILE):
                filesystem.put_file(str(folder / name), f"{path}/{name}")
    except Exception as error:  # each file system has errors of its own
        cause = " ".join(str(error).split())[:300] or type(error).__name__
        raise StateUnwritable(
            f"snapshot {shown(address)} cannot be written ({cause}); correct snapshot_root or the step's credentials"
        ) from error
    return address
