/* SPDX-License-Identifier: MIT */
#ifndef LIB_ERRNAME_H
#define LIB_ERRNAME_H

/* Error numbers as text, for messages to people. */

/* "ENOENT" for 2; "E?" when unknown. err is positive. */
const char *errno_name(int err);
/* "No such file or directory" for 2; "Unknown error" when unknown. */
const char *errno_text(int err);

#endif
