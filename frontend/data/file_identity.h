// What a model file holds, as one short text.
#pragma once

#include <memory>
#include <mutex>
#include <string>

namespace sinter::data {

class ByteSource;

/// A digest of a whole file, for those who keep what they made of it. May be used from several threads.
class FileIdentity {
public:
  explicit FileIdentity(std::shared_ptr<const ByteSource> source) : source_(std::move(source)) {}

  /// Reads the file when it is first called, on all threads of the current pool. Throws Error if the file
  /// cannot be read any more, or has changed.
  const std::string& text() const;

private:
  std::shared_ptr<const ByteSource> source_;
  mutable std::once_flag once_;
  mutable std::string text_;
};

} // namespace sinter::data
