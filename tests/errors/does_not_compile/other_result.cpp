// expected: a compiled function takes and returns Tensors, or structures, containers and tuples
#include <sinter/sinter.h>

auto f = sinter::compile([](sinter::Tensor) { return "a name"; });
