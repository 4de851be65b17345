export default {
	kit: {
		paths: { base: '/base' },
		adapter: { name: 'none', adapt() {} }
	}
};
