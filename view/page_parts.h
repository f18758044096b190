/* page_parts: style and script of the HTML export, made from page.css and
 * page.js when ITM is built; lines, ended by NULL. */
#ifndef ITM_VIEW_PAGE_PARTS_H
#define ITM_VIEW_PAGE_PARTS_H

extern const char *const page_parts_css[], *const page_parts_js[];

#endif
