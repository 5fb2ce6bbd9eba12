"""The real parts that the demo, the tests and the benchmarks run against, started on this machine.

A PostgreSQL server, a kube-apiserver with its etcd, and the operator as a process of its own.
Everything listens on loopback only, lives in temporary folders and is gone when the process
that started it is gone, however that ended. Not part of the program: `roleshift` never imports it.
This module imports nothing, so that the build of the control plane needs only the standard library.
"""
