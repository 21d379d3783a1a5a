"""One file for each family of detectors: its raw output to boxes in input pixels.

Every decoder is a pure function
``(output, size_wh, score) -> Detections`` before non-maximum suppression, and a function
``(size_wh, classes) -> shape`` that says which output it reads.
"""
