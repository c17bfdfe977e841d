//! One file per kind of thing that is found: its form, its proof, its words of context.
