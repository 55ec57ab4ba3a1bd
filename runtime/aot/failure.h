// The calling thread's last failure, as text.
#pragma once

namespace sinter::rt::aot {

/// Keeps a line, made as printf does, and gives `status` back.
[[gnu::format(printf, 2, 3)]] int fail(int status, const char* format, ...);

const char* last_failure();

} // namespace sinter::rt::aot
