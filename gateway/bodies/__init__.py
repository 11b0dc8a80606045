"""Content of calls on its way from a call to the database: caught while the call goes, encrypted in a thread, spooled
on the disk, carried in batches. No call waits for any of it, fails with it, or is lost with it.
"""
