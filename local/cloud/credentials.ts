/** Credentials that satisfy an SDK; nothing here checks them. */
export const LOCAL_CREDENTIALS = { accessKeyId: 'local', secretAccessKey: 'local' };
