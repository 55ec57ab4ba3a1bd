/* Two models in one program: neither sees the other's parts. */
#include "first.h"
#include "second.h"

#include <stdio.h>

int main(void) {
  first_context* one = NULL;
  second_context* two = NULL;
  if (first_create(NULL, &one) != SINTER_OK || second_create(NULL, &two) != SINTER_OK)
    return 1;
  if (first_input(one, 1) != NULL || second_input(NULL, 0) == NULL)
    return 1;
  if (first_run(NULL, NULL, NULL, NULL, NULL) != SINTER_INVALID_ARGUMENT)
    return 1;
  /* The failure was the first model's. */
  printf("%s|%s\n", first_error(), second_error());
  first_destroy(one);
  second_destroy(two);
  first_destroy(NULL);
  return 0;
}
