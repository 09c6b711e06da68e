"""An embedded model server that behaves like TensorFlow Serving.

On a laptop, in tests and in small shops there is no TensorFlow Serving to
run; clients that are written against it talk to this one, over gRPC and REST,
and find the same answers, errors, flags and files. `cli/serve.py` starts it.
"""
