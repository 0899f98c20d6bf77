"""The decision core. Values in, values out: no I/O, no clock, no logging, no outside system."""
