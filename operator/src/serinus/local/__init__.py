"""The embedded runtime: predictor processes behind a real gateway process, on one machine."""
