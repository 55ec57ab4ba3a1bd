// A ring of pinned memory.
#include "cuda/staging.h"

#include <algorithm>
#include <cstring>

namespace sinter::rt::cuda {
namespace {

constexpr const char *kUpload = "a copy to the device", *kDownload = "a copy from the device",
                     *kWait = "a kernel failed";

} // namespace

void Staging::upload(DeviceAddress to, const void* from, uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  if (!is_pinned()) { // the host's bytes may be read later than the driver returns
    driver_.check(driver_.upload(to, from, bytes, stream_), kUpload);
    return driver_.check(driver_.synchronize(stream_), kWait);
  }
  constexpr uint64_t kAlignment = 64;
  const auto* source = static_cast<const std::byte*>(from);
  for (uint64_t given = 0; given < bytes;) {
    const uint64_t piece = std::min(bytes - given, kSlotBytes);
    Slot& slot = kSlotBytes - slots_[current_].used < piece ? next() : slots_[current_];
    std::byte* const staged = slot.memory + slot.used;
    slot.used += std::min((piece + kAlignment - 1) / kAlignment * kAlignment, kSlotBytes - slot.used);
    std::memcpy(staged, source + given, piece);
    driver_.check(driver_.upload(to + given, staged, piece, stream_), kUpload);
    driver_.check(driver_.record_event(slot.done, stream_), kUpload);
    given += piece;
  }
}

void Staging::download_at_once(void* to, DeviceAddress from, uint64_t bytes) const {
  driver_.check(driver_.download(to, from, bytes, stream_), kDownload);
  driver_.check(driver_.synchronize(stream_), kWait);
}

void Staging::download(void* to, DeviceAddress from, uint64_t bytes) {
  if (bytes <= kSlotBytes) // of one piece nothing is done at the same time
    return download_at_once(to, from, bytes);
  const std::lock_guard lock(mutex_);
  if (!is_pinned())
    return download_at_once(to, from, bytes);
  auto* const target = static_cast<std::byte*>(to);
  const auto piece_at = [&](uint64_t offset) { return std::min(bytes - offset, kSlotBytes); };
  std::array<const Slot*, kSlots> under_way{}; // by number of the piece, modulo kSlots
  uint64_t given = 0;
  for (uint64_t taken = 0; taken < bytes; taken += kSlotBytes) {
    for (; given < bytes && given - taken < kSlots * kSlotBytes; given += kSlotBytes) {
      Slot& slot = next();
      slot.used = kSlotBytes;
      driver_.check(driver_.download(slot.memory, from + given, piece_at(given), stream_), kDownload);
      driver_.check(driver_.record_event(slot.done, stream_), kDownload);
      under_way[given / kSlotBytes % kSlots] = &slot;
    }
    const Slot& slot = *under_way[taken / kSlotBytes % kSlots];
    wait_for(slot);
    std::memcpy(target + taken, slot.memory, piece_at(taken));
  }
}

// False where there is none to be had: then copies are as right, but waited for.
bool Staging::is_pinned() {
  if (was_tried_)
    return slots_.back().memory;
  was_tried_ = true;
  constexpr unsigned kNoTiming = 2; // CU_EVENT_DISABLE_TIMING
  for (Slot& slot : slots_)
    driver_.check(driver_.create_event(&slot.done, kNoTiming), "an event");
  void* memory = nullptr;
  if (driver_.allocate_host(&memory, kSlots * kSlotBytes, 0) != 0)
    return false;
  for (std::size_t i = 0; i < kSlots; ++i)
    slots_[i].memory = static_cast<std::byte*>(memory) + i * kSlotBytes;
  return true;
}

Staging::Slot& Staging::next() {
  current_ = (current_ + 1) % kSlots;
  Slot& slot = slots_[current_];
  wait_for(slot);
  slot.used = 0;
  return slot;
}

void Staging::wait_for(const Slot& slot) const {
  driver_.check(driver_.wait_for_event(slot.done), kWait);
}

} // namespace sinter::rt::cuda
