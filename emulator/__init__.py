"""AWS in a box: the pinned emulator, extended by what an exchange needs.

One process answers the AWS API on 127.0.0.1, buffers delivery streams as Firehose does, runs ECS tasks as local
processes under their task role, answers DNS from hosted zones and Cloud Map, and keeps on disk what it
confirmed: objects and records.
It imports nothing else of this repository: what runs is what the task definitions say.
"""
