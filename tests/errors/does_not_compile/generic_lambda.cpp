// expected: compile() must know the function's parameters: write Tensor instead of auto
#include <sinter/sinter.h>

auto f = sinter::compile([](auto x) { return x + 1; });
