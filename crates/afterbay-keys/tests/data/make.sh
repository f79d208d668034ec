#!/bin/sh
# Wraps everything in this folder anew, for the keys that are here. Needs age 1.3, openssl 3 and python3. Wrapping is
# random, so the files differ each time; `cargo xtask fixtures` opens them.
set -eu
cd "$(dirname "$0")"
for name in alice bob; do
  age -a -r "$(age-keygen -y "$name.agekey")" -o "to-$name.age" data-key.bin
done

wrap() { openssl pkeyutl -encrypt -inkey "$1" -pkeyopt "rsa_padding_mode:$2" -out "$3"; }
wrap rsa-pkcs1.pem pkcs1 content-key-32.rsa <data-key.bin
head -c 24 data-key.bin | wrap rsa-pkcs1.pem pkcs1 content-key-24.rsa
wrap other-rsa.pem pkcs1 content-key-32-other.rsa <data-key.bin
for bits in 1024 2056; do
  wrap "rsa-$bits.pem" pkcs1 "content-key-32-$bits.rsa" <data-key.bin
done

# The table in README.md says what each block shows.
block() { # name, then an expression over `pad(n)` and `key`
  python3 -c "
import sys
pad = lambda n: bytes(1 + i % 255 for i in range(n))
key = bytes(range(32))
block = $2
assert len(block) == 256, len(block)
sys.stdout.buffer.write(block)" | wrap rsa-pkcs1.pem none "padding/$1.rsa"
}
block good "b'\\0\\2' + pad(221) + b'\\0' + key"
block first-byte "b'\\1\\2' + pad(221) + b'\\0' + key"
block block-type "b'\\0\\1' + b'\\xff' * 221 + b'\\0' + key"
block short-padding "b'\\0\\2' + pad(7) + b'\\0' + pad(213) + b'\\0' + key"
block early-separator "b'\\0\\2' + pad(100) + b'\\0' + pad(120) + b'\\0' + key"
block no-separator "b'\\0\\2' + pad(254)"
block short-message "b'\\0\\2' + pad(222) + b'\\0' + key[:31]"
block long-message "b'\\0\\2' + pad(220) + b'\\0' + key + b'\\x20'"
