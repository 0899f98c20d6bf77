"""The folder that a variant's model travels in between steps."""

import json
from pathlib import Path

from components.train.step import Trained, save_model
from serinus.training.folders import whole_folder
from serinus.training.values import SearchCandidate

MODEL_FILE, VARIANT_FILE, SEARCH_FILE = "model.skops", "variant.txt", "search.json"


def save_trained(trained: Trained, variant: str, folder: Path) -> None:
    """Write the model, its variant's name and its search, if there was one, as `folder`. Raises TrainingFailed."""
    with whole_folder(folder) as draft:
        save_model(trained.model, str(draft / MODEL_FILE))
        (draft / VARIANT_FILE).write_text(variant)
        if trained.candidates:
            (draft / SEARCH_FILE).write_text(_as_json(trained.candidates))


def load_candidates(folder: Path) -> tuple[SearchCandidate, ...]:
    """What the search of the model in `folder` tried, best first; nothing where there was none."""
    file = folder / SEARCH_FILE
    found = json.loads(file.read_text()) if file.is_file() else []
    return tuple(SearchCandidate.model_validate(candidate) for candidate in found)


def _as_json(candidates: tuple[SearchCandidate, ...]) -> str:
    return json.dumps([candidate.model_dump(mode="json", by_alias=True) for candidate in candidates], indent=2)
