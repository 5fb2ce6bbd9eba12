"""The command line `roleshift`, also installed as the kubectl plugin `kubectl-roleshift`.

It shows what the operator reports and changes the object, so that Git and RBAC stay in charge; it
never touches a database. Modules that the help needs import nothing heavy: at most 0.3 s.
"""
