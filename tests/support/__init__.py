"""What several tests share: sample tables, manifests, and a handle on one RoleMigration."""
