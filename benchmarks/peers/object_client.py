"""Fetch all objects below a prefix one by one with plain aiobotocore; print bytes and seconds."""

from __future__ import annotations

import asyncio
import sys
import time

from aiobotocore.session import get_session


async def main(bucket: str, prefix: str) -> None:
    async with get_session().create_client("s3") as client:
        listed = await client.list_objects_v2(Bucket=bucket, Prefix=prefix)
        size = 0
        began_s, began_cpu_s = time.perf_counter(), time.process_time()
        for found in listed["Contents"]:
            answer = await client.get_object(Bucket=bucket, Key=found["Key"])
            async with answer["Body"] as body:
                size += len(await body.read())
        print(size, time.perf_counter() - began_s, time.process_time() - began_cpu_s)


asyncio.run(main(*sys.argv[1:]))
