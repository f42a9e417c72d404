"""Task processes on a Dask cluster: what runs beside the worker, and what runs on the cluster."""
