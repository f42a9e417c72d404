"""What local files need beyond ``open``: temporary names, durability, renames that never replace."""
