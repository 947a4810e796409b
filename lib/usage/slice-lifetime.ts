/**
 * Slices outlive the last event that may reach them by this much: a message that was good at the very end of the window may
 * be on its way for as long as a queue keeps it, two weeks.
 */
export const EXPIRY_MARGIN_DAYS = 15;

/**
 * Packaging trusts a day's slices to be complete for this much longer than events can reach them: a day less than they are kept, so
 * that none expires while a run reads them.
 */
export const COMPLETE_MARGIN_DAYS = EXPIRY_MARGIN_DAYS - 1;
