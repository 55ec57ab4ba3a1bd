// expected: a compiled function takes and returns Tensors, or structures, containers and tuples
#include <sinter/sinter.h>

auto f = sinter::compile([](sinter::Tensor x, const char* name) { return name ? x : -x; });
