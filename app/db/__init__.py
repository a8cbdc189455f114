"""The store: tables, encryption, migrations, import."""
