"""The prediction log: Parquet files in one folder per day, one row per answered request.

`<root>/day=2026-11-23/*.parquet`. A row has the features by their own names, and the columns below. `label` is missing
until the request's label has come; times are UTC.
"""

from typing import Final

DAY: Final = "day"
REQUEST_ID: Final = "requestId"
TIME: Final = "time"
DEPLOYMENT: Final = "deployment"
REVISION: Final = "revision"
VERSION: Final = "version"
PREDICTION: Final = "prediction"
LABEL: Final = "label"
LABEL_TIME: Final = "labelTime"

COLUMNS: Final = (REQUEST_ID, TIME, DEPLOYMENT, REVISION, VERSION, PREDICTION, LABEL, LABEL_TIME)
