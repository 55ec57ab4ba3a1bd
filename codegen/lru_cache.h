// What was made before, for the rest of the process.
#pragma once

#include <cstddef>
#include <iterator>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace sinter::codegen {

/// A bounded number of values by their texts; the least recently used goes first. From several threads at
/// once.
template <class Value>
class LruCache {
public:
  /// As many as a program that never repeats a shape may leave behind.
  static constexpr std::size_t kCapacity = 4096;

  /// `capacity` >= 1.
  explicit LruCache(std::size_t capacity = kCapacity) : capacity_(capacity) {}

  std::optional<Value> find(std::string_view key) {
    const std::lock_guard lock(mutex_);
    const auto found = places_.find(key);
    if (found == places_.end())
      return std::nullopt;
    entries_.splice(entries_.begin(), entries_, found->second);
    return found->second->second;
  }

  /// In the place of what `key` had before.
  void insert(std::string key, Value value) {
    insert(std::move(key), std::move(value), [](const Value&) { return false; });
  }
  /// ... unless `stays(before)`.
  template <class Stays>
  void insert(std::string key, Value value, Stays&& stays) {
    Entries gone; // freed after the lock: unloading code takes long
    const std::lock_guard lock(mutex_);
    if (const auto found = places_.find(key); found != places_.end()) {
      if (stays(found->second->second))
        return;
      remove(found->second, gone);
    } else if (entries_.size() >= capacity_) {
      remove(std::prev(entries_.end()), gone);
    }
    entries_.emplace_front(std::move(key), std::move(value));
    places_.emplace(entries_.front().first, entries_.begin());
  }

private:
  using Entries = std::list<std::pair<const std::string, Value>>;

  void remove(typename Entries::iterator entry, Entries& gone) {
    places_.erase(entry->first);
    gone.splice(gone.begin(), entries_, entry);
  }

  const std::size_t capacity_;
  std::mutex mutex_; // of all that follows
  Entries entries_;  ///< latest first
  std::unordered_map<std::string_view, typename Entries::iterator> places_;
};

} // namespace sinter::codegen
