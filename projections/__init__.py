"""What readers see: views built from the log, each one file with its tables, its fold and its queries.

Laws, each with a test that runs over every view (tests/projections/test_laws.py):
  V1  rows and checkpoint commit in one transaction, so a batch counts once
  V2  batches are applied in order, without a hole
  V3  however the log is cut into batches, the rows are the same: live equals rebuilt
  V4  the checkpoint moves over events that a view ignores
  V5  compare-and-set on the checkpoint fences two owners
"""
