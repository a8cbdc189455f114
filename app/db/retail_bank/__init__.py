"""Import of the retail bank's twelve files; docs/import-retail-bank.md tells what they become."""
