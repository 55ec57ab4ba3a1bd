// What is wrong with names of tensors.
#include "sinter/named_tensors.h"

#include "trace/errors.h"

namespace sinter {

void detail::fail_same_name(const std::string& name, const SourceLocation& where) {
  trace::fail(where, "named_tensors", "two tensors of the tree have the name '" + name + "'");
}

} // namespace sinter
