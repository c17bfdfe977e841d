# Shortcuts; each is a line that works without `just`.

# Format, lints, all tests
check:
    ./test

# All tests
test *args:
    cargo test --workspace {{args}}

# End to end, against the real binary
e2e *args:
    cargo test -p ai-gateway --test e2e {{args}}

# The gateway on simulated providers
demo:
    cargo run -- demo

# Beside a bare proxy: prints ratios
bench:
    bench/run

# The code's own documentation
docs:
    cargo doc --workspace --no-deps --open
